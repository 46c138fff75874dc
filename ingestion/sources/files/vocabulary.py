"""The words by which exports name columns and files, in English, French, German and Spanish; codes of countries.

Belongs here: lists of words and codes. Does not: what follows from a word (`recognition.py`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ingestion.currencies import CURRENCIES


@cache
def plain(text: str) -> str:
    """`text` in lower case words without accents: `InvoiceNo`, `invoice_no` and `Invoice No.` are `invoice no`."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    text = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    text = "".join(character for character in text if not unicodedata.combining(character))
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def phrases(text: str) -> frozenset[str]:
    """The entries of a list that `|` separates."""
    return frozenset(text.split("|"))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Place:
    """A country: how it is written, its currency, and its time zone where it has one only."""

    names: str
    currency: str
    timezone: str | None


PLACES: Mapping[str, Place] = {
    "AE": Place(
        "united arab emirates|emirats arabes unis|vereinigte arabische emirate|emiratos arabes unidos",
        "AED",
        "Asia/Dubai",
    ),
    "AR": Place("argentina|argentine|argentinien", "ARS", "America/Argentina/Buenos_Aires"),
    "AT": Place("austria|autriche|osterreich", "EUR", "Europe/Vienna"),
    "AU": Place("australia|australie|australien", "AUD", None),
    "BE": Place("belgium|belgique|belgien|belgica", "EUR", "Europe/Brussels"),
    "BR": Place("brazil|bresil|brasilien|brasil", "BRL", None),
    "CA": Place("canada|kanada", "CAD", None),
    "CH": Place("switzerland|suisse|schweiz|suiza", "CHF", "Europe/Zurich"),
    "CL": Place("chile|chili", "CLP", "America/Santiago"),
    "CN": Place("china|chine", "CNY", "Asia/Shanghai"),
    "CO": Place("colombia|colombie|kolumbien", "COP", "America/Bogota"),
    "CY": Place("cyprus|chypre|zypern|chipre", "EUR", "Asia/Nicosia"),
    "CZ": Place("czech republic|czechia|republique tcheque|tschechien|republica checa", "CZK", "Europe/Prague"),
    "DE": Place("germany|allemagne|deutschland|alemania", "EUR", "Europe/Berlin"),
    "DK": Place("denmark|danemark|danemark|dinamarca", "DKK", "Europe/Copenhagen"),
    "EE": Place("estonia|estonie|estland", "EUR", "Europe/Tallinn"),
    "ES": Place("spain|espagne|spanien|espana", "EUR", "Europe/Madrid"),
    "FI": Place("finland|finlande|finnland|finlandia", "EUR", "Europe/Helsinki"),
    "FR": Place("france|frankreich|francia", "EUR", "Europe/Paris"),
    "GB": Place(
        "united kingdom|great britain|uk|england|royaume uni|vereinigtes konigreich|grossbritannien|reino unido",
        "GBP",
        "Europe/London",
    ),
    "GR": Place("greece|grece|griechenland|grecia", "EUR", "Europe/Athens"),
    "HK": Place("hong kong", "HKD", "Asia/Hong_Kong"),
    "HU": Place("hungary|hongrie|ungarn|hungria", "HUF", "Europe/Budapest"),
    "IE": Place("ireland|eire|irlande|irland|irlanda", "EUR", "Europe/Dublin"),
    "IL": Place("israel", "ILS", "Asia/Jerusalem"),
    "IN": Place("india|inde|indien", "INR", "Asia/Kolkata"),
    "IS": Place("iceland|islande|island|islandia", "ISK", "Atlantic/Reykjavik"),
    "IT": Place("italy|italie|italien|italia", "EUR", "Europe/Rome"),
    "JP": Place("japan|japon", "JPY", "Asia/Tokyo"),
    "LU": Place("luxembourg|luxemburg|luxemburgo", "EUR", "Europe/Luxembourg"),
    "MX": Place("mexico|mexique|mexiko", "MXN", None),
    "NL": Place("netherlands|the netherlands|pays bas|niederlande|paises bajos|holland", "EUR", "Europe/Amsterdam"),
    "NO": Place("norway|norvege|norwegen|noruega", "NOK", "Europe/Oslo"),
    "NZ": Place("new zealand|nouvelle zelande|neuseeland|nueva zelanda", "NZD", "Pacific/Auckland"),
    "PL": Place("poland|pologne|polen|polonia", "PLN", "Europe/Warsaw"),
    "PT": Place("portugal", "EUR", "Europe/Lisbon"),
    "RO": Place("romania|roumanie|rumanien|rumania", "RON", "Europe/Bucharest"),
    "SE": Place("sweden|suede|schweden|suecia", "SEK", "Europe/Stockholm"),
    "SG": Place("singapore|singapour|singapur", "SGD", "Asia/Singapore"),
    "TR": Place("turkey|turkiye|turquie|turkei|turquia", "TRY", "Europe/Istanbul"),
    "US": Place("united states|united states of america|usa|etats unis|vereinigte staaten|estados unidos", "USD", None),
    "ZA": Place("south africa|afrique du sud|sudafrika|sudafrica", "ZAR", "Africa/Johannesburg"),
}
COUNTRY_NAMES: Mapping[str, str] = {name: code for code, place in PLACES.items() for name in place.names.split("|")}
COUNTRY_CODES = _words(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW "
    "BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI "
    "FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN "
    "IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME "
    "MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF "
    "PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE "
    "YT ZA ZM ZW"
)
CURRENCY_WORDS: Mapping[str, str] = {
    "dollar": "USD", "dollars": "USD", "usd": "USD", "$": "USD", "euro": "EUR", "euros": "EUR", "eur": "EUR",
    "€": "EUR", "pound": "GBP", "pounds": "GBP", "gbp": "GBP", "£": "GBP", "chf": "CHF", "yen": "JPY", "jpy": "JPY",
}  # fmt: skip

# Names that the arm of an experiment has which is left as it is.
CONTROLS = _words("control controls holdout baseline a kontrolle kontrollgruppe temoin controle")
# Values that say which way a message went, who wrote it, how a deal ended, which kind of survey it is.
DIRECTIONS: Mapping[str, str] = {
    "inbound": "inbound", "incoming": "inbound", "in": "inbound", "received": "inbound", "eingehend": "inbound",
    "entrant": "inbound", "entrante": "inbound", "outbound": "outbound", "outgoing": "outbound", "out": "outbound",
    "sent": "outbound", "ausgehend": "outbound", "sortant": "outbound", "saliente": "outbound",
}  # fmt: skip
SENDERS: Mapping[str, str] = {
    "contact": "contact", "customer": "contact", "user": "contact", "client": "contact", "kunde": "contact",
    "agent": "agent", "admin": "agent", "operator": "agent", "bot": "bot", "workflow": "bot", "broadcast": "broadcast",
    "campaign": "broadcast",
}  # fmt: skip
OUTCOMES: Mapping[str, str] = {
    "won": "true", "closed won": "true", "closedwon": "true", "gewonnen": "true", "gagne": "true", "gagnee": "true",
    "ganado": "true", "ganada": "true", "lost": "false", "closed lost": "false", "closedlost": "false",
    "verloren": "false", "perdu": "false", "perdue": "false", "perdido": "false", "perdida": "false",
}  # fmt: skip
OPEN = ("open", "offen", "ouvert", "ouverte", "abierto", "abierta", "in progress", "pending")
SURVEY_TYPES: Mapping[str, str] = {
    "nps": "nps", "csat": "csat", "ces": "ces", "review": "review", "rating": "review", "satisfaction": "csat",
}  # fmt: skip
CHANNELS = _words(
    "email e-mail whatsapp sms chat web phone call telegram facebook instagram messenger voice telefon telephone"
)
PLATFORMS = _words("facebook meta google instagram tiktok linkedin bing microsoft pinterest snapchat google_ads")
# Ways to pay, as whole words inside a value: `Visa credit card` is one, too.
PAYMENTS = phrases(
    "card|credit card|debit card|creditcard|debitcard|visa|mastercard|master card|amex|american express|paypal|stripe"
    "|klarna|afterpay|affirm|apple pay|applepay|google pay|shop pay|shopify payments|amazon pay|transfer|bank transfer"
    "|banktransfer|wire|wire transfer|ach|sepa|direct debit|cash|cash on delivery|cod|cheque|check|bacs|gift card"
    "|voucher|store credit|manual|invoice|boleto|pix|ideal|bancontact|sofort|giropay|eps|twint|bizum|przelewy24|blik"
    "|pos|karte|kreditkarte|ec karte|girokarte|uberweisung|ueberweisung|bankuberweisung|lastschrift|rechnung|vorkasse"
    "|vorauskasse|nachnahme|bar|barzahlung|gutschein"
    "|carte|carte bancaire|cb|carte de credit|virement|virement bancaire|prelevement|especes|contre remboursement"
    "|tarjeta|tarjeta de credito|tarjeta de debito|transferencia|transferencia bancaria|efectivo|contrarrembolso"
    "|contra reembolso|domiciliacion|cartao"
)
SUBSCRIPTION_STATES = _words("active trialing canceled cancelled past_due paused unpaid incomplete")

# States of an order, as whole values: those in which nothing was paid or all was paid back, and others.
UNPAID = phrases(
    "canceled|cancelled|cancel|void|voided|failed|declined|rejected|expired|draft|unpaid|pending|pending payment"
    "|on hold|awaiting payment|payment pending|refunded|fully refunded|returned|unavailable|fraud|abandoned"
    "|storniert|abgebrochen|unbezahlt|offen|erstattet|annule|annulee|en attente|impayee|remboursee|rembourse"
    "|cancelado|cancelada|anulado|pendiente|reembolsado|impagado"
)
PAID = phrases(
    "paid|complete|completed|delivered|shipped|processing|fulfilled|closed|invoiced|approved|success|succeeded|captured"
    "|bezahlt|abgeschlossen|versendet|versandt|geliefert|paye|payee|terminee|expediee|livree|pagado|pagada|completado"
    "|enviado|entregado"
)
# Values of an event, as whole values: what is a purchase, and what leads to one.
BOUGHT = phrases("purchase|purchased|transaction|order|ordered|order placed|order completed|checkout completed|buy")
STEPS = phrases(
    "view|viewed|page view|pageview|product view|view item|item viewed|product viewed|click|cart|add to cart|addtocart"
    "|added to cart|remove from cart|removed from cart|checkout|begin checkout|checkout started|search|wishlist"
)

# Words of file names. The longest entity name comes first where one holds another.
FILE_WORDS: Mapping[str, str] = {
    "exchange_rates": "exchange rates|rates|fx|kurse|wechselkurse|taux|tipos de cambio",
    "order_lines": (
        "order lines|order items|line items|lines|items|positionen|bestellpositionen|lignes|lineas|articles"
    ),
    "refunds": (
        "refunds|refund|returns|credit notes|ruckerstattungen|erstattungen|gutschriften|retouren|remboursements"
        "|avoirs|reembolsos|devoluciones"
    ),
    "subscriptions": "subscriptions|subscription|abos|abonnements|abonnement|vertrage|suscripciones",
    "conversations": "conversations|conversation|conv|chats|tickets|threads|gesprache|unterhaltungen|conversaciones",
    "messages": "messages|message|msgs|nachrichten|mensajes|inbox",
    "surveys": (
        "surveys|survey|responses|nps|csat|ces|reviews|ratings|umfragen|bewertungen|feedback|enquetes|avis|encuestas"
    ),
    "consents": "consents|consent|opt ins|optins|opt outs|optouts|einwilligungen|consentements|consentimientos",
    "experiment_assignments": (
        "experiment assignments|experiment assignment|experiments|experiment|ab test|ab tests|a b test|exposures"
        "|experimente|zuordnungen|experiences|affectations|experimentos|asignaciones"
    ),
    "ad_spend": (
        "ad spend|spend|ads|ad|adspend|campaigns|insights|werbung|kampagnen|depenses|publicite|anuncios|gasto"
    ),
    "leads": "leads|lead|interessenten|prospects|subscribers|subscribed|members|audience|abonnenten",
    "deals": "deals|deal|opportunities|pipeline|chancen|verkaufschancen|affaires|opportunites|oportunidades|negocios",
    "customers": (
        "customers|customer|contacts|people|persons|users|clients|kunden|kontakte|personen|clientes|contactos"
    ),
    "accounts": (
        "accounts|account|companies|company|organizations|organization|organisations|organisation|firmen|unternehmen"
        "|societes|entreprises|comptes|empresas|cuentas|sociedades"
    ),
    "orders": (
        "orders|order|sales|invoices|purchases|transactions|payments|bestellungen|auftrage|umsatze|rechnungen"
        "|commandes|ventes|factures|pedidos|ventas|facturas|retail"
    ),
}

# ---- words of headers, by what the column holds; an entity's columns refer to them by name
_ORDER = (
    "order id|order no|order number|order|order name|order key|invoice no|invoice|invoice id|invoice number"
    "|bestellnummer"
    "|bestell nr|bestellnr|bestellung|auftragsnummer|auftrag|auftrags nr|rechnungsnummer|rechnung|belegnummer"
    "|beleg nr"
    "|numero de commande|commande|no commande|numero commande|id commande|numero facture|pedido"
    "|numero de pedido|id pedido"
    "|factura|numero de factura|sale id|receipt|receipt no|transaction id"
)
_CUSTOMER = (
    "customer id|customer|customer no|cust|cust id|kundennummer|kunden nr|kundennr|kunde|kunden id|kdnr"
    "|client|client id"
    "|id client|code client|numero client|no client|cliente|id cliente|numero de cliente|codigo cliente"
    "|buyer id|user id"
    "|contact id|customer user id|associated contact ids|person id"
)
_EMAIL = (
    "email|e mail|mail|email address|e mail adresse|emailadresse|adresse e mail|adresse mail|courriel|correo"
    "|correo electronico|customer email|billing email|from email address|contact email|email 1|kunden e mail"
)
_PHONE = (
    "phone|phone number|mobile|mobile phone|telephone|tel|telefon|telefonnummer|mobil|handy|portable|telefono|movil"
    "|billing phone|customer phone|mobile phone number|whatsapp"
)
_CURRENCY = "currency|currency code|wahrung|waehrung|devise|monnaie|moneda|divisa|deal currency code|order currency"
_CREATED = (
    "created|created at|create date|created date|date created|created utc|created date utc|creation date|erstellt am"
    "|angelegt am|erstelldatum|anlagedatum|date de creation|date creation|cree le|fecha de creacion"
    "|fecha de alta|creado el"
)
_DAY = "date|day|at|datum|tag|jour|fecha|dia|timestamp|time|zeitpunkt|date time|datetime"
_AMOUNT = "amount|value|betrag|summe|wert|montant|importe|monto|valor"
_CHANNEL = (
    "channel|source|source name|utm source|lead source|original source|kanal|quelle|herkunft|canal|origine|origen"
)
_CAMPAIGN = "campaign|campaign id|utm campaign|kampagne|kampagnen id|campagne|id campagne|campana|id campana"
_COMPANY = (
    "company|company name|name|employer|firma|unternehmen|societe|entreprise|raison sociale|empresa|organization"
    "|account|account name|default address company|organization name|organisation|organisation name|firmenname"
    "|razon social|compte|cuenta"
)
_COUNTRY = (
    "country|country code|land|lander|pays|code pays|pais|country region|billing country"
    "|default address country code|billing country code|office location|kundenland"
)
_SHARED_NUMBER = "erp number|erp no|erp id|customer number|external id|debitor|debitorennummer|debitor nr"
_SINCE = "since|customer since|kunde seit|client depuis|cliente desde|date added"
_OWNER = (
    "owner|sales agent|sales rep|salesperson|account manager|agent|betreuer|kundenbetreuer|verantwortlich|zustandig"
    "|besitzer|vertreter|proprietaire|commercial|propietario|vendedor|owner name"
)
_FIRST = "first name|firstname|given name|vorname|prenom|nombre"
_LAST = "last name|lastname|surname|family name|nachname|nom|nom de famille|apellido|apellidos"

# Columns that no canonical column takes, though their values may look as if one did.
IGNORED = phrases(
    "subtotal|discount|discount amount|discount code|updated at|last modified date|fulfilled at|line total"
    "|net|fee|balance"
    "|city|zip|postal code|post code|plz|ort|stadt|ville|code postal|ciudad|codigo postal|address|street"
    "|state|province"
    "|recency|frequency|cohort|cohorts|age|updated|total spent|total orders|orders count|number of cds"
    "|year established|founded|founded year|year founded|grundungsjahr|annual revenue"
    "|lineitem compare at price|lineitem discount|refunded amount|outstanding balance"
    "|amount refunded"
    "|converted amount|converted amount refunded|birthday|date of birth|geburtsdatum|latitude|longitude|member rating"
    "|last changed|confirm time|last activity date|position|rank|weight|tax rate|probability"
    "|revenue per click|ctr|cpc|cpm|reach|purchase roas|roas|cost conv|cost per conversion|cost per result"
    "|cost per purchase|conv rate|conversion rate|conv value|conversion value|conversions value|all conv value"
    "|purchases conversion value|website purchases conversion value|view through conv"
    "|next billing|next billing date|next payment|next renewal|renewal date|due date|faellig am|fallig am|echeance"
    "|profit|gross profit|margin|gross margin|gewinn|marge|benefice|beneficio|list price|plan list price"
    "|t|time zone|billing zip|shipping zip|id customer group|sales price|manager|regional office"
)

# Words of headers of dates on which something else happens than what an entity is about.
OTHER_EVENTS = _words(
    "ship shipped shipping shipment dispatch dispatched deliver delivered delivery estimated expected promised required"
    " due expire expires expired expiry expiration valid birth versand versandt lieferung lieferdatum geliefert ablauf"
    " ablaufdatum livraison livre expedition expedie echeance envio entrega entregado vencimiento caducidad"
)
# Words with which the header of a number or a code ends.
KEYS = _words("id ids uid uuid guid code key")

# Names of records that systems put in front of a column (`Deal - Value`, `billing_country`, `Product.Name`).
OBJECTS = _words(
    "person contact customer client requester organization organisation account billing profile user buyer purchaser"
    " order invoice deal opportunity opp lead ticket case conversation product item lineitem rating survey subscription"
    " message refund event kunden kunde kontakt rechnung auftrag pedido cliente commande facture"
)
# What follows the name of an amount or a time: a unit, the zone, the mark of a custom field.
UNITS = frozenset((*(code.lower() for code in CURRENCIES), "utc", "gmt", "c", "converted"))


@dataclass(frozen=True)
class Role:
    """A canonical column as exports have it.

    Attributes:
        kind: what its values have to look like (`recognition.py`).
        words: headers that name it, separated by `|`.
    """

    kind: str
    words: str


ROLES: Mapping[str, Mapping[str, Role]] = {
    "customers": {
        "customer_id": Role("key", f"{_CUSTOMER}|id|record id|account id|nummer|numero"),
        "email": Role("email", _EMAIL),
        "phone": Role("phone", _PHONE),
        "first_name": Role("name", _FIRST),
        "last_name": Role("name", _LAST),
        "company_name": Role("company", _COMPANY),
        "country": Role("country", _COUNTRY),
        "customer_number": Role("label", _SHARED_NUMBER),
        "channel": Role("category", _CHANNEL),
        "campaign_id": Role("label", _CAMPAIGN),
        "created_at": Role(
            "instant",
            f"{_CREATED}|{_SINCE}|signup date|signed up at|registered at|registered|registration date|optin time"
            "|member since",
        ),
    },
    "orders": {
        "order_id": Role("key", f"{_ORDER}|id|name|nummer|numero|payment id|charge id|payment intent id"),
        "customer_id": Role("id", _CUSTOMER),
        "email": Role("email", _EMAIL),
        "phone": Role("phone", _PHONE),
        "ordered_at": Role(
            "instant",
            "ordered at|order date|ordered|invoice date|sold at|sale date|purchase date|purchased at|placed at"
            "|processed at|transaction date|order created date|bestelldatum|bestellt am|auftragsdatum"
            "|rechnungsdatum|belegdatum|kaufdatum|date de commande|date commande|commande le|date facture"
            f"|fecha de pedido|fecha pedido|fecha de compra|fecha factura|{_CREATED}|{_DAY}",
        ),
        "paid_at": Role(
            "instant",
            "paid at|paid|payment date|date paid|paid date|paid on|bezahlt am|zahlungsdatum|paye le"
            "|date de paiement|date paiement|pagado el|fecha de pago|captured at",
        ),
        "cancelled_at": Role(
            "instant",
            "cancelled at|canceled at|cancelled|canceled|cancellation date|storniert am|stornodatum|annule le"
            "|date annulation|cancelado el|anulado el",
        ),
        "currency": Role("currency", _CURRENCY),
        "total_amount": Role(
            "number",
            "total|total amount|order total|order total amount|grand total|total price|gross|dollar value"
            "|order value|price paid|amount paid|actual amount paid|payment amount|payment value|sales|sales amount"
            "|revenue|gesamt|gesamtpreis|gesamtbetrag|endbetrag|total con iva"
            "|total iva incluido|gesamtsumme|bruttobetrag|rechnungsbetrag|umsatz"
            f"|montant total|total ttc|montant ttc|importe total|total pedido|{_AMOUNT}",
        ),
        "tax_amount": Role(
            "part",
            "tax|taxes|tax amount|total tax|vat|order tax|order total tax amount|mwst|ust|steuer|steuerbetrag|tva"
            "|montant tva|iva|impuesto|impuestos",
        ),
        "shipping_amount": Role(
            "part",
            "shipping|shipping amount|shipping total|shipping fee|shipping charge|delivery fee|shipping cost"
            "|order shipping|order shipping amount|delivery|versand"
            "|versandkosten|porto|frais de port|livraison|envio|gastos de envio|shipping and handling amount",
        ),
        "payment_type": Role(
            "payment",
            "payment type|payment method|payment method title|payment|payment gateway|gateway|paid with|tender type"
            "|payment source|zahlungsart|zahlungsmethode|zahlart|zahlungsweise|zahlungsmittel|bezahlart"
            "|mode de paiement|moyen de paiement|methode de paiement|paiement|type de paiement"
            "|forma de pago|metodo de pago|medio de pago|tipo de pago|pago",
        ),
        "is_test": Role("flag", "test|is test|test order|testbestellung"),
        "channel": Role("category", _CHANNEL),
        "campaign_id": Role("label", _CAMPAIGN),
    },
    "order_lines": {
        "order_line_id": Role(
            "key",
            "order line id|line id|line item id|order item id|item id|position id|positionsnummer|id ligne|id linea|id",
        ),
        "order_id": Role("id", _ORDER),
        "sku": Role(
            "id",
            "sku|stock code|product code|item code|article no|article number|artikelnummer|artikel nr|art nr"
            "|reference|ref|product id|lineitem sku|item sku|variant sku|codigo|codigo producto"
            "|code article|code produit",
        ),
        "description": Role(
            "wording",
            "description|product name|title|lineitem name|item name|item|product|artikel|bezeichnung"
            "|artikelbezeichnung|beschreibung|produktname|produkt|produit|designation|libelle|article|producto"
            "|descripcion|articulo",
        ),
        "quantity": Role(
            "quantity",
            "quantity|qty|lineitem quantity|item quantity|menge|anzahl|stuck|stuckzahl|quantite|qte|nombre"
            "|cantidad|cant|units|unidades|pieces",
        ),
        "unit_price": Role(
            "number",
            "unit price|price|lineitem price|item price|price each|einzelpreis|preis|stuckpreis|preis pro stuck"
            "|prix|prix unitaire|pu|precio|precio unitario",
        ),
        "unit_cost": Role(
            "part",
            "unit cost|cost|cost per item|einkaufspreis|ek preis|ek|cout|cout unitaire|prix achat|coste|coste unitario",
        ),
        "is_gift_card": Role("flag", "gift card|is gift card|gutschein|carte cadeau|tarjeta regalo"),
    },
    "refunds": {
        "refund_id": Role(
            "key",
            "refund id|refund|refund no|credit note|credit note no|return id|return no|erstattung"
            "|erstattungsnummer|gutschrift|gutschriftnummer|gutschrift nr|id remboursement|numero avoir"
            "|id reembolso|id",
        ),
        "order_id": Role("label", _ORDER),
        "customer_id": Role("id", _CUSTOMER),
        "email": Role("email", _EMAIL),
        "refunded_at": Role(
            "instant",
            "refunded at|refund date|refunded|refunded on|returned at|return date|erstattet am|erstattungsdatum"
            f"|gutschriftdatum|rembourse le|date remboursement|reembolsado el|fecha de reembolso|{_CREATED}|{_DAY}",
        ),
        "currency": Role("currency", _CURRENCY),
        "amount": Role(
            "number",
            "refund amount|refunded amount|amount refunded|refund total|total refund|total refunded"
            "|erstattungsbetrag|gutschriftbetrag"
            f"|montant rembourse|importe reembolsado|total|{_AMOUNT}",
        ),
    },
    "leads": {
        "lead_id": Role("key", "lead id|lead|lead no|prospect id|leadnummer|id lead|record id|leid|id"),
        "email": Role("email", _EMAIL),
        "phone": Role("phone", _PHONE),
        "first_name": Role("name", _FIRST),
        "last_name": Role("name", _LAST),
        "customer_number": Role("label", _SHARED_NUMBER),
        "channel": Role("category", _CHANNEL),
        "campaign_id": Role("label", _CAMPAIGN),
        "created_at": Role(
            "instant",
            f"{_CREATED}|submitted at|received at|optin time|confirm time|signup date|subscribed at|date added|{_DAY}",
        ),
        "qualified_at": Role(
            "instant",
            "qualified at|qualified|qual|qualified on|qualifiziert am|qualifie le|calificado el"
            "|became a marketing qualified lead date|became mql",
        ),
        "disqualified_at": Role(
            "instant",
            "disqualified at|disqualified|unqualified at|disqualifiziert am|disqualifie le|descalificado el|unsub time",
        ),
        "disqualified_reason": Role(
            "text", "disqualified reason|disqualification reason|unqualified reason|unsub reason"
        ),
    },
    "deals": {
        "deal_id": Role(
            "key",
            "deal id|deal|opportunity id|opportunity|opp id|record id|chance id|verkaufschance|id affaire"
            "|id opportunite|id oportunidad|id negocio|id",
        ),
        "customer_id": Role("id", _CUSTOMER),
        "lead_id": Role(
            "label",
            "lead id|lead|lead no|lead number|associated lead id|associated lead ids|converted lead id|source lead id"
            "|leadnummer|lead nr|id lead|id du lead|prospect id|id prospect|interessent|interessent nr|id prospecto",
        ),
        "account_id": Role(
            "label",
            "account id|account no|account number|company id|organization id|organisation id|associated company id"
            "|associated company ids|firma id|firmen id|firmennummer|id entreprise|id compte|id societe|id empresa"
            "|id cuenta",
        ),
        "account_name": Role(
            "text",
            "account|account name|company|company name|associated company|firma|unternehmen|kunde name|societe"
            "|entreprise|empresa|cuenta|organization|organisation|compte",
        ),
        "name": Role(
            "text",
            "deal name|opportunity name|name|title|bezeichnung|titel|nom de l affaire|nom|nombre del negocio|nombre",
        ),
        "stage": Role(
            "stage",
            "deal stage|stage|stage name|status|phase|verkaufsphase|deal phase|etape|statut|etapa|fase|estado"
            "|pipeline stage",
        ),
        "owner": Role(
            "person",
            f"deal owner|opportunity owner|{_OWNER}",
        ),
        "currency": Role("currency", _CURRENCY),
        "amount": Role(
            "number",
            "deal amount|deal value|close value|amount in company currency|auftragswert|volumen|valor del negocio"
            f"|{_AMOUNT}",
        ),
        "created_at": Role("instant", f"{_CREATED}|engage date|open date|opened|start date|{_DAY}"),
        "closed_at": Role(
            "instant",
            "closed at|close date|closed|closed date|closed on|abschlussdatum|abgeschlossen am|geschlossen am"
            "|schlusstermin|date de cloture|cloture le|fecha de cierre|cerrado el",
        ),
        "is_won": Role(
            "outcome",
            "is won|won|win loss|is closed won|gewonnen|gagne|gagnee|ganado|ganada|result|outcome|ergebnis"
            "|resultat|resultado",
        ),
        "lost_reason": Role(
            "text",
            "lost reason|loss reason|closed lost reason|reason|verlustgrund|grund|motif de perte|raison"
            "|motivo de perdida|motivo",
        ),
    },
    "accounts": {
        "account_id": Role(
            "key",
            "account id|account no|account number|company id|organization id|organisation id|record id|firma id"
            "|firmen id|firmennummer|id entreprise|id compte|id societe|id empresa|id cuenta|id|nummer|numero",
        ),
        "account_name": Role("company", f"{_COMPANY}|firmierung|denomination|nom|nombre|nom de l entreprise"),
        "parent_account_name": Role(
            "text",
            "parent account|parent account name|parent company|parent company name|parent organization|parent name"
            "|parent|subsidiary of|belongs to|muttergesellschaft|mutterfirma|mutterunternehmen|konzern|konzernmutter"
            "|ubergeordnete firma|ubergeordneter account|tochter von|societe mere|maison mere|compte parent|filiale de"
            "|empresa matriz|sociedad matriz|matriz|cuenta principal|cuenta matriz|filial de",
        ),
        "parent_account_id": Role(
            "label",
            "parent account id|parent id|parent company id|parent organization id|parent record id"
            "|id societe mere|id compte parent|id empresa matriz|id matriz|mutter id|konzern id",
        ),
        "industry": Role(
            "group",
            "industry|sector|branche|wirtschaftszweig|industrie|secteur|secteur d activite|domaine d activite"
            "|industria|rubro|vertical",
        ),
        "employee_count": Role(
            "count",
            "employee count|employees|number of employees|no of employees|num employees|headcount|employees number"
            "|mitarbeiter|mitarbeiterzahl|anzahl mitarbeiter|beschaftigte|effectif|effectifs|nombre d employes"
            "|nombre de salaries|salaries|empleados|numero de empleados|plantilla",
        ),
        "owner": Role("person", f"account owner|company owner|organization owner|{_OWNER}"),
        "domain": Role(
            "domain",
            "domain|domain name|company domain|company domain name|website|website url|web site|url|homepage|webseite"
            "|internetseite|site web|site internet|sitio web|pagina web|dominio|domaine",
        ),
        "country": Role("country", f"{_COUNTRY}|headquarters|hq country|sitz|hauptsitz|siege|siege social|sede"),
        "created_at": Role("instant", f"{_CREATED}|{_SINCE}"),
    },
    "ad_spend": {
        "spent_on": Role("instant", f"spent on|date start|reporting starts|spend date|{_DAY}"),
        "spend_amount": Role(
            "number",
            "spend|spend amount|amount spent|cost|costs|ad spend|ausgaben|kosten|ausgegebener betrag|depenses"
            "|depense|cout|montant depense|gasto|importe gastado|coste|amount spent eur|amount spent usd"
            f"|amount spent gbp|{_AMOUNT}",
        ),
        "campaign_id": Role("id", f"{_CAMPAIGN}"),
        "impressions": Role("count", "impressions|impr|imp|impressionen|impresiones"),
        "clicks": Role("count", "clicks|link clicks|klicks|clics|all clicks"),
        "conversions": Role(
            "events",
            "conversions|conv|all conv|all conversions|total conversions|results|purchases|website purchases"
            "|website conversions|konversionen|conversionen|ergebnisse|kaufe|resultats|achats|conversiones|resultados"
            "|compras",
        ),
        "campaign_name": Role(
            "text",
            "campaign name|campaign label|campaign title|name|kampagnenname|nom campagne"
            "|libelle campagne|nombre campana|nom de la campagne|nombre de la campana",
        ),
        "ad_id": Role("label", "ad id|ad|ad name|anzeige|anzeigen id|annonce|id annonce|anuncio|id anuncio"),
        "platform": Role("platform", "platform|network|publisher platform|plattform|plateforme|plataforma|source"),
        "account_id": Role(
            "label", "account id|account|ad account|ad account id|konto|konto id|compte|id compte|cuenta|customer id"
        ),
        "currency": Role("currency", _CURRENCY),
    },
    "conversations": {
        "conversation_id": Role(
            "key",
            "conversation id|conversation|conv id|conv|ticket id|ticket|chat id|thread id|gesprach|gesprachs id"
            "|id conversation|id conversacion|id",
        ),
        "customer_id": Role("id", _CUSTOMER),
        "email": Role("email", _EMAIL),
        "phone": Role("phone", _PHONE),
        "channel": Role("category", _CHANNEL),
        "campaign_id": Role("label", _CAMPAIGN),
        "opened_at": Role(
            "instant",
            "opened at|opened|opened on|open date|started at|first message at|eroffnet am|geoffnet am|ouvert le"
            f"|abierto el|{_CREATED}|{_DAY}",
        ),
        "closed_at": Role(
            "instant",
            "closed at|closed|closed on|resolved at|ended at|geschlossen am|gelost am|ferme le|clos le|cerrado el",
        ),
        "closing_category": Role(
            "category", "closing category|category|resolution|kategorie|categorie|categoria|closing reason"
        ),
    },
    "messages": {
        "message_id": Role(
            "key", "message id|message|msg id|nachricht|nachricht id|nachrichten id|id message|id mensaje|id"
        ),
        "direction": Role("direction", "direction|dir|richtung|sens|direccion|type|message type"),
        "sent_at": Role("instant", f"sent at|sent|sent on|gesendet am|envoye le|enviado el|{_CREATED}|{_DAY}"),
        "conversation_id": Role(
            "id",
            "conversation id|conversation|conv id|conv|ticket id|ticket|chat id|chat|thread id|gesprach"
            "|gesprachs id|id conversation|id conversacion|conversacion",
        ),
        "customer_id": Role("id", _CUSTOMER),
        "channel": Role("category", _CHANNEL),
        "sender_kind": Role(
            "sender", "sender kind|sender|sender type|kind|from|author type|absender|absendertyp|expediteur|remitente"
        ),
        "agent": Role(
            "agent",
            "agent|agent name|agent email|sent by|sender name|sender email|author|author name|author email|assignee"
            "|assignee name|assignee email|assigned to|admin|admin name|admin email|operator|operator name|teammate"
            "|teammate name|teammate email|replied by|bearbeiter|sachbearbeiter|mitarbeiter|bearbeitet von"
            "|gesendet von|conseiller|operateur|envoye par|agente|operador|enviado por",
        ),
    },
    "surveys": {
        "response_id": Role(
            "key",
            "response id|response|survey response id|answer id|review id|antwort id|bewertung id|id reponse"
            "|id avis|id respuesta|id",
        ),
        "score": Role(
            "score",
            "score|rating|nps|nps score|csat|ces|stars|bewertung|punkte|punktzahl|sterne|note|puntuacion|nota"
            "|value|answer",
        ),
        "responded_at": Role(
            "instant",
            "responded at|responded|answered at|response date|submitted at|completed at|beantwortet am|repondu le"
            f"|respondido el|{_CREATED}|{_DAY}",
        ),
        "customer_id": Role("id", _CUSTOMER),
        "email": Role("email", _EMAIL),
        "order_id": Role("label", _ORDER),
        "survey_type": Role(
            "survey_type", "survey type|type|kind|survey|survey name|art|typ|umfrage|enquete|encuesta|tipo"
        ),
        "comment": Role(
            "wording",
            "comment|comments|feedback|text|review|answer text|kommentar|anmerkung|commentaire|avis|comentario",
        ),
        "scale_min": Role("part", "scale min|min score|lowest score|scale from|skala von|note minimale|nota minima"),
        "scale_max": Role(
            "part", "scale max|max score|highest score|scale to|out of|skala bis|note maximale|nota maxima"
        ),
    },
    "experiment_assignments": {
        "assignment_id": Role(
            "key", "assignment id|assignment|zuordnung|zuordnungs id|id affectation|id asignacion|id"
        ),
        "experiment": Role(
            "category",
            "experiment|experiment id|experiment name|experiment key|test name|test id|ab test|experience"
            "|nom de l experience|experimento",
        ),
        "arm": Role(
            "category",
            "arm|variant|variation|variant id|variant name|variation id|variation name|test group|cell|variante|gruppe"
            "|groupe|grupo",
        ),
        "is_control": Role("flag", "is control|control|is holdout|holdout|kontrolle|kontrollgruppe|temoin"),
        "assigned_at": Role(
            "instant",
            "assigned at|assigned|assignment date|assigned on|bucketed at|first exposure|zugeordnet am|zugewiesen am"
            f"|affecte le|asignado el|{_CREATED}|{_DAY}",
        ),
        "customer_id": Role("id", _CUSTOMER),
        "email": Role("email", _EMAIL),
        "planned_share": Role(
            "part", "planned share|planned split|allocation|split|traffic allocation|anteil|part prevue|cuota prevista"
        ),
    },
    "subscriptions": {
        "subscription_id": Role(
            "key",
            "subscription id|subscription|sub id|contract id|contract|abo|abo nr|abonummer|abo id|vertrag"
            "|vertragsnummer|id abonnement|numero abonnement|id suscripcion|contrat|id",
        ),
        "mrr_amount": Role(
            "number",
            "mrr|mrr amount|monthly recurring revenue|monthly amount|monthly price|price|monatsbetrag|monatspreis"
            f"|prix mensuel|montant mensuel|cuota|importe mensual|precio mensual|{_AMOUNT}",
        ),
        "started_at": Role(
            "instant",
            "started at|start date|started|start|start date utc|valid from|gultig ab|gultig von"
            "|beginn|vertragsbeginn|startdatum|debut"
            f"|date de debut|inicio|fecha de inicio|{_CREATED}",
        ),
        "customer_id": Role("id", _CUSTOMER),
        "email": Role("email", _EMAIL),
        "plan": Role(
            "category",
            "plan|plan name|plan id|product|product name|tarif|produkt|formule|offre|abonnement|plan nombre|producto",
        ),
        "currency": Role("currency", _CURRENCY),
        "billing_months": Role("count", "billing months|interval months|months|laufzeit monate|monate|mois|meses"),
        "recorded_at": Role(
            "instant",
            "recorded at|imported at|migrated at|tracked since|erfasst am|importiert am|importe le|importado",
        ),
        "trial_started_at": Role(
            "instant",
            "trial started at|trial start|trial start utc|trial start date|probezeit beginn|debut essai|inicio prueba",
        ),
        "trial_ended_at": Role(
            "instant", "trial ended at|trial end|trial end utc|trial end date|probezeit ende|fin essai|fin prueba"
        ),
        "cancelled_at": Role(
            "instant",
            "cancelled at|canceled at|canceled at utc|cancelled|canceled|gekundigt am|kundigungsdatum|resilie le"
            "|date de resiliation|cancelado el",
        ),
        "ended_at": Role(
            "instant",
            "ended at|end date|ended|ended at utc|end|valid until|valid to|expires at|expires on|expiry date"
            "|expiration date|expired at|gultig bis|fecha de vencimiento|ende|vertragsende|enddatum|beendet am"
            "|fin|date de fin|fecha de fin",
        ),
    },
    "consents": {
        "consent_id": Role("key", "consent id|statement id|einwilligung id|id consentement|id consentimiento|id"),
        "is_granted": Role(
            "flag",
            "granted|is granted|consent|consented|opted in|opt in|optin|accepted|agreed|einwilligung|zugestimmt"
            "|consenti|accepte|aceptado",
        ),
        "stated_at": Role(
            "instant",
            "stated at|consented at|consent date|granted at|opted in at|opt in date|optin time|erteilt am|donne le"
            f"|dado el|{_CREATED}|{_DAY}",
        ),
        "purpose": Role("label", "purpose|consent purpose|consent type|zweck|finalite|finalidad|proposito"),
        "channel": Role("label", "channel|consent channel|kanal|canal"),
        "customer_id": Role("id", _CUSTOMER),
        "email": Role("email", _EMAIL),
        "phone": Role("phone", _PHONE),
    },
    "exchange_rates": {
        "rate_date": Role("instant", f"rate date|kursdatum|{_DAY}"),
        "base_currency": Role(
            "currency", "base currency|base|from|from currency|basis|basiswahrung|de|devise de base|moneda base"
        ),
        "quote_currency": Role(
            "currency",
            "quote currency|quote|to|to currency|zielwahrung|target currency|vers|devise cible|moneda destino|currency",
        ),
        "rate": Role(
            "number", "rate|exchange rate|fx rate|kurs|wechselkurs|taux|taux de change|tasa|tipo de cambio|price|value"
        ),
    },
}

# Words in headers that speak for an entity whose columns alone could be another's.
TELLING: Mapping[str, str] = {
    "ad_spend": r"spend|spent|impress|click|clics|klicks|\bad\b|\bads\b|ausgaben|anzeige|annonce|anuncio|depense|gasto",
    "refunds": "refund|credit note|return|erstatt|gutschrift|rembours|avoir|reembols",
    "accounts": (
        r"industry|industri|branche|\bsector\b|secteur|employee|mitarbeiter|empleados|effectif|\bparent\b|subsidiary"
        r"|^mutter|konzern|\bmere\b|matriz"
    ),
    "leads": r"lead\b|qualif|qual\b|prospect|optin",
    "subscriptions": r"subscription|\bmrr\b|trial|\babo\b|recurring|abonnement|vertragsbeginn|suscripcion",
    "conversations": "conversation|opened|closing|ticket|chat|gesprach",
    "consents": "consent|opt in|optin|einwilligung|zustimmung|consentement|consentimiento",
    "surveys": "survey|nps|csat|score|rating|bewertung|puntuacion|sterne|stars|response",
    "order_lines": "lineitem|line id|line item",
    "experiment_assignments": "experiment|variant|variation|assigned|holdout|assignment|bucketed",
}
